//! The only place that decides and acts: one folder a noun, reconcilers inside.
