//! x
mod backoff; mod notify; mod pidfile;
