//! Who somebody is, and which calls they may make: pure, but for random bytes in a new token or salt.
