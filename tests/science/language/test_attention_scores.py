"""Scores of heads that look at one place only, and of uniform attention."""

import torch
from torch.nn.functional import one_hot

from grok.science.language.attention_scores import prefix_matching, previous_token, repeated_random_tokens


def test_random_tokens_occur_twice():
    tokens = repeated_random_tokens(4, 50, 21, generator=torch.Generator().manual_seed(0))
    assert tokens.shape == (4, 20) and torch.equal(tokens[:, :10], tokens[:, 10:])
    assert len(tokens.unique()) > 20


def test_a_head_that_looks_at_what_followed_has_a_prefix_score_of_one():
    tokens = torch.tensor([[5, 1, 2, 5, 1, 2]])
    looks_at = torch.tensor([0, 0, 0, 1, 2, 3])  # what followed the earlier 5, 1 and 2
    follows, previous = one_hot(looks_at, 6).double(), one_hot((torch.arange(6) - 1).clamp(min=0), 6).double()
    patterns = torch.stack([follows, previous])[None]  # one example, two heads
    assert prefix_matching(patterns, tokens).tolist() == [1, 0]
    assert previous_token(patterns).tolist() == [1 / 5, 1]  # the first head attends to the previous token from 1 only


def test_uniform_attention_has_the_share_of_places_that_follow():
    tokens = torch.tensor([[7, 7, 3, 7]])
    uniform = torch.ones(4, 4).tril() / torch.arange(1, 5).unsqueeze(1)
    # queries 1 and 3 have earlier occurrences of 7, followed by places {1} of 2 and {1, 2} of 4
    torch.testing.assert_close(prefix_matching(uniform[None, None], tokens), torch.tensor([(1 / 2 + 2 / 4) / 2]))
    torch.testing.assert_close(previous_token(uniform[None, None]), torch.tensor([(1 / 2 + 1 / 3 + 1 / 4) / 3]))


def test_scores_have_no_part_of_queries_without_an_earlier_occurrence():
    tokens = torch.arange(5)[None].repeat(1, 2)
    patterns = torch.rand(2, 1, 3, 10, 10)
    changed = patterns.clone()
    changed[..., :5, :] = 0
    assert torch.equal(prefix_matching(patterns, tokens), prefix_matching(changed, tokens))
