"""The rings themselves: where each residue lies in the plane of each frequency of the embedding."""

from __future__ import annotations

import torch

from grok.measures.circuit import adds_by_transformer, transformer
from grok.measures.look import Look
from grok.records.labelled import Labelled
from grok.science import rings


class RingCoordinates:
    """The residues' places on every frequency's ring, for the gallery; in half precision, as it is to be looked at."""

    check = staticmethod(adds_by_transformer)

    def __call__(self, look: Look) -> dict[str, Labelled]:
        places = rings.coordinates(transformer(look).token_embedding.detach())
        _, n_frequencies, p, _ = places.shape
        return {
            "ring": Labelled(
                places.to(torch.float16),
                "place of each residue in each frequency's plane",
                dims=("frequency", "residue", "axis"),
                coordinates={
                    "frequency": range(1, n_frequencies + 1),
                    "residue": range(p),
                    "axis": ("cosine", "sine"),
                },
            )
        }
