"""Networks for batched replicas, one file per architecture. Every tensor has the replica axis first."""
