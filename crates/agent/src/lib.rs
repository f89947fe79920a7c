//! Harnesses that drive agents: the scripted one.
