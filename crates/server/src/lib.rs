//! HTTP routes over the engine: converts wire types, decides nothing.
