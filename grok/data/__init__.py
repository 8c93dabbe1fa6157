"""Where bytes come from: sources, checksums, formats."""
