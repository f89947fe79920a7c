//! Fakes and throw-away worlds for tests: repositories, request files.
