//! Answers: JSON, and every error in one shape.

use std::convert::Infallible;

use http::{HeaderValue, StatusCode, header};
use parley_protocol::error::ErrorAnswer;
use parley_protocol::{Code, ErrorBody};
use serde::Serialize;
use warp::Rejection;
use warp::reply::{Reply as _, Response};

/// A rejection that knows its answer.
#[derive(Debug)]
pub(super) struct Refused(pub(super) ErrorBody);

impl warp::reject::Reject for Refused {}

/// A rejection with this error.
pub(super) fn refuse(error: ErrorBody) -> Rejection {
    warp::reject::custom(Refused(error))
}

/// 200 with a JSON body, or the error.
pub(super) fn json<T: Serialize>(result: Result<T, ErrorBody>) -> Response {
    with_status(StatusCode::OK, result)
}

/// 201 with a JSON body, or the error.
pub(super) fn created<T: Serialize>(result: Result<T, ErrorBody>) -> Response {
    with_status(StatusCode::CREATED, result)
}

/// 204, or the error.
pub(super) fn done(result: Result<(), ErrorBody>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(error),
    }
}

fn with_status<T: Serialize>(status: StatusCode, result: Result<T, ErrorBody>) -> Response {
    match result {
        Ok(value) => {
            let mut response = warp::reply::with_status(warp::reply::json(&value), status).into_response();
            // Answers carry tokens and what only the caller may see.
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => failed(error),
    }
}

/// An error as an answer.
pub(crate) fn failed(error: ErrorBody) -> Response {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let retry_after = error.retry_after;
    let mut response = warp::reply::with_status(warp::reply::json(&ErrorAnswer { error }), status).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The answer to a request that no route took.
pub(super) async fn recover(rejection: Rejection) -> Result<Response, Infallible> {
    // Other routes of the same path say "not this method" or "not found" beside the one that refused.
    let error = if let Some(Refused(error)) = rejection.find() {
        error.clone()
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        ErrorBody::new(Code::MethodNotAllowed, "this route exists, but not for this method")
    } else if rejection.is_not_found() {
        ErrorBody::new(Code::NotFound, "there is no such route; ids are UUIDs, and the API is under /api")
    } else {
        ErrorBody::new(Code::BadRequest, "the request could not be read")
    };
    Ok(failed(error))
}
