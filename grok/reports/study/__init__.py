"""Claims and verdicts of a study, and the ledger of all of them."""
