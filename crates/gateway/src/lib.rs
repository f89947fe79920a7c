//! Relays the model calls of runs: adds the key, meters what they use, refuses what is over budget.
