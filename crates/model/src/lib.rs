//! The nouns of Hyperion: ids, states, commands, events, decide and apply. No IO, no clock, no randomness.
