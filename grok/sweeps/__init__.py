"""From runs to outputs: which runs train together, where, and what they write."""
