//! Links to peers.
