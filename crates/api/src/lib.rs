//! Wire types, error codes, and the client over any transport.
