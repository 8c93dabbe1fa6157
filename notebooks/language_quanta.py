# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Language: which tokens are learned together?
#
# At the end you will know when classes of tokens are learned under a smooth mean loss, how sharply single tokens
# improve with size, what clusters of similar gradients mean, and how an induction head forms.
#
# The paper is *The Quantization Model of Neural Scaling* (Michaud et al. 2023,
# [arXiv:2303.13506](https://arxiv.org/abs/2303.13506)). Its networks are Pythia's, of 19 M to 6.4 B parameters. Ours
# have 3,312 to 0.8 M parameters without embeddings, and learn 62 MB of reviews, plays and code.
#
# The pictures and tables come from kept results (`results/<study>/laptop`), so the first part needs no training. A
# table has one line for each claim: the published value, ours (`measured`) with its interval over seeds, and whether
# the claim holds.

# %%
import os
import sys
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import Image, display

import grok
from grok.reports.study.ledger import load_study

os.chdir(Path(grok.__file__).parents[1])  # the root of the clone
os.environ["TTY_COMPATIBLE"] = "0"  # train.py prints lines instead of a progress bar
python, pictures = sys.executable, Path(tempfile.mkdtemp())
pd.set_option("display.max_colwidth", None, "display.precision", 3)
columns = ["claim", "published", "measured", "low", "high", "holds"]  # low, high: ours over the three seeds

# %% [markdown]
# ## 1. Classes of tokens and single tokens
#
# The truth of a class is a rule on the text, such as that the next word does not fit into the line.

# %%
study = load_study("language_tokens", "laptop")
results = grok.load("results/language_tokens/laptop")
display(Image(str(study.figure(results, pictures / "language_tokens.png")), width=900))
pd.DataFrame(study.judge(results))[columns]

# %% [markdown]
# The mean loss falls smoothly, and each class at its own steps. But frequent classes are not learned earlier, and
# classes are as wide as the mean: these claims fail. By the mean of three seeds, 1.8 % of the tokens improve smoothly
# with size, and none sharply. The loss of a token differs by 0.45 nats between seeds, so single curves say little.

# %% [markdown]
# ## 2. Clusters of similar gradients (Fig. 1 of the paper)
#
# The gradients of single learned tokens are compared by their angles, and clustered. The contexts of some clusters
# are on [the study's page](../results/language_quanta/README.md).

# %%
study = load_study("language_quanta", "laptop")
results = grok.load("results/language_quanta/laptop")
display(Image(str(study.figure(results, pictures / "language_quanta.png")), width=900))
pd.DataFrame(study.judge(results))[columns]

# %% [markdown]
# About half of the clusters are coherent, and they agree with those of other networks (adjusted Rand index 0.71). A
# step along a cluster's mean gradient changes the loss of its other tokens a hundred times as much as that of tokens
# outside. But groups of tokens with the same predicted token do about as well, and the clusters split the newline of
# wrapped text.

# %% [markdown]
# ## 3. An induction head forms abruptly
#
# A random piece is repeated in a sequence of random tokens. Two layers of attention can copy it; one layer cannot.

# %%
study = load_study("induction_head", "laptop")
results = grok.load("results/induction_head/laptop")
display(Image(str(study.figure(results, pictures / "induction_head.png")), width=900))
pd.DataFrame(study.judge(results))[columns]

# %% [markdown]
# Two layers stay near the loss of one layer for 350 steps and fall from 4.5 to 0.6 nats by step 550. Meanwhile the
# distance from the start grows as fast as before, and the distance to the end shrinks 2.8 times as fast.

# %% [markdown]
# ## Your turn: change the size
#
# The next cell is the only one to change. The run needs `pip install -c constraints.txt -e '.[language]'` and takes
# about two minutes on a laptop. Its text is 2,000 documents.

# %% tags=["parameters"]
# CHANGE THIS: the network, s0 (3,312 parameters without embeddings), s1 (14,496) or s2 (56,640)
size = "s2"

steps, n_documents = 4_000, 2_000
folder = f"runs/notebooks/language_quanta/{size}"

# %%
# !{python} train.py task=language size={size} task.n_documents={n_documents} \
#     measure.token_quanta.n_samples=600 measure.token_quanta.n_clusters=30 \
#     steps={steps} optimizer.schedule.warmup={steps // 40} logger=none hydra.run.dir={folder}

# %%
display(Image(f"{folder}/token_classes.png", width=620))
Image(f"{folder}/token_clusters.png", width=800)

# %% [markdown]
# **What to look at.** Each class falls at its own step, and the mean smoothly. In the second picture, the tokens of a
# cluster are marked after their contexts; `token_clusters.txt` has all clusters. Do you see what the tokens of a
# cluster share?
#
# **Two questions to try**
#
# 1. Which classes does `size = "s0"` not learn in the same steps?
# 2. In how many clusters is the predicted token always the same one?
