//! Replicas
