//! `Idempotency-Key`: a repeated request gives the first one's answer and changes nothing.
//! The key is stored in the transaction of the change.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::store;
use crate::store::{Conn, codec};

const KEY_BYTES_MAX: usize = 200;
const HEADER: &str = "idempotency-key";

/// A key with the request that it stands for.
pub struct Idempotency {
    caller: String,
    key: String,
    request_hash: String,
    now: i64,
}

/// What to do with a request that carries a key.
pub enum Begun {
    /// First seen: make the change, then [`Idempotency::finish`].
    Fresh,
    /// Done before: give this answer again.
    Repeated(HttpResponse),
}

impl Idempotency {
    /// Reads the key of a request; `body` is what the caller asks for, without the key.
    /// `caller` and `now` (unix seconds) are kept with it.
    pub fn required(
        request: &HttpRequest,
        body: &[u8],
        caller: &str,
        now: i64,
    ) -> Result<Self, ApiError> {
        let value = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
        let Some(key) = value.map(str::trim).filter(|key| !key.is_empty()) else {
            let message = "send the header Idempotency-Key with a text of your own, a new one \
                           for each change and the same one when you repeat it";
            let status = StatusCode::BAD_REQUEST;
            return Err(ApiError::new(status, "idempotency_key_missing", message));
        };
        Self::of(request, key, body, caller, now)
    }

    /// The same with a key from elsewhere, such as a page's form.
    pub fn of(
        request: &HttpRequest,
        key: &str,
        body: &[u8],
        caller: &str,
        now: i64,
    ) -> Result<Self, ApiError> {
        if key.len() > KEY_BYTES_MAX {
            let message = format!("the Idempotency-Key is over {KEY_BYTES_MAX} bytes");
            let status = StatusCode::BAD_REQUEST;
            return Err(ApiError::new(status, "idempotency_key_invalid", message));
        }
        let mut hash = Sha256::new();
        hash.update(request.method().as_str());
        hash.update([0]);
        hash.update(request.uri().path());
        hash.update([0]);
        hash.update(body);
        Ok(Self {
            caller: caller.to_owned(),
            key: key.to_owned(),
            request_hash: hex::encode(hash.finalize()),
            now,
        })
    }

    /// Takes the key, first thing in the change's transaction.
    pub async fn begin(&self, conn: &mut Conn) -> Result<Begun, ApiError> {
        let row = store::KeyRow {
            caller: &self.caller,
            key: &self.key,
            request_hash: &self.request_hash,
            created_at: self.now,
        };
        if store::take_key(conn, row).await? {
            return Ok(Begun::Fresh);
        }
        let Some(stored) = store::load_key(conn, &self.caller, &self.key).await? else {
            return Err(ApiError::conflict("idempotency_key_in_use", "try again"));
        };
        if stored.request_hash != self.request_hash {
            let message = "this Idempotency-Key was used for another request; take a new one";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(ApiError::new(status, "idempotency_key_reused", message));
        }
        let status = u16::try_from(stored.status).ok().and_then(|s| StatusCode::from_u16(s).ok());
        let Some(status) = status else {
            return Err(ApiError::conflict("idempotency_key_in_use", "the change is being made"));
        };
        let response = HttpResponse::build(status)
            .insert_header(("idempotency-replayed", "true"))
            .content_type("application/json")
            .body(stored.response);
        Ok(Begun::Repeated(response))
    }

    /// Stores the answer, last thing in the change's transaction; gives it for sending.
    pub async fn finish<T: Serialize>(
        &self,
        conn: &mut Conn,
        status: StatusCode,
        body: &T,
    ) -> Result<HttpResponse, ApiError> {
        let text = codec::to_json(body);
        let answer = store::Answer { status: i64::from(status.as_u16()), body: &text };
        store::finish_key(conn, &self.caller, &self.key, answer).await?;
        Ok(HttpResponse::build(status).content_type("application/json").body(text))
    }
}
