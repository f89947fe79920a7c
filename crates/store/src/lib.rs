//! SQLite store: rows and chained events in one transaction, blobs, leases; the only SQL.
