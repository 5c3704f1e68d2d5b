//! The management server behind the connections: one path, and refusals in its own form.

use super::shape::Refusal;
use super::{Cloud, api, lock};
use crate::demo::http::{Request, Response};
use crate::demo::server::{Fault, Service, take};

impl Service for Cloud {
    fn answer(&self, request: &Request) -> Response {
        if request.path.trim_end_matches('/') == "/client/api" {
            return api::answer(self, request);
        }
        let body = b"<html><body><h2>HTTP ERROR 404 Not Found</h2></body></html>".to_vec();
        let content_type = "text/html;charset=utf-8".to_owned();
        Response { status: 404, content_type, headers: Vec::new(), body }
    }

    fn refuse(&self, status: u16) -> Response {
        let text = match status {
            429 => "api rate limit is exceeded",
            _ => "the server is shutting down",
        };
        let body = Refusal { anonymous: true, ..Refusal::new(status, 9999, text) };
        Response {
            status,
            content_type: "application/json;charset=utf-8".to_owned(),
            headers: vec![("X-Description".to_owned(), text.to_owned())],
            body: body.body("errorresponse").into_bytes(),
        }
    }

    fn next_fault(&self) -> Option<Fault> {
        take(&mut lock(&self.control).faults)
    }
}
