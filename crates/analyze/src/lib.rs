//! Pure analysis of request texts: paths, symbols, keywords and search patterns.
