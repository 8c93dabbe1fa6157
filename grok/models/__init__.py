"""Networks whose every tensor leads with the replica axis, one file an architecture."""
