//! Where set-up keeps what it fetched.
