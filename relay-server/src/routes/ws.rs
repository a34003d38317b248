//! stub
use super::{Api, Route, first_of};
use std::sync::Arc;
pub(super) fn routes(_api: &Arc<Api>) -> Route {
    first_of([])
}
