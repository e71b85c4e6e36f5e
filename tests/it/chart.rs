//! The Helm chart: what it renders, and what an apiserver makes of it.

pub mod helm;
mod installed;
mod rendered;
