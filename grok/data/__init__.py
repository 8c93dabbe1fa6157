"""Files of data: sources, checksums, formats."""
