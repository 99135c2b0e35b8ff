// The standardwebhooks crate, driven line by line; the protocol is told in ../../peer.hpp.
use std::error::Error;
use std::io::{self, BufRead, Write};

use base64::{engine::general_purpose::STANDARD, Engine};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{json, Value};
use standardwebhooks::Webhook;

fn bytes(value: &Value) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(STANDARD.decode(value.as_str().ok_or("not a string")?)?)
}

// The crate knows the names of Standard Webhooks alone: svix- headers are given to it under those.
fn headers_of(pairs: &Value) -> Result<HeaderMap, Box<dyn Error>> {
    let mut given = Vec::new();
    for pair in pairs.as_array().ok_or("not an array")? {
        given.push((bytes(&pair[0])?.to_ascii_lowercase(), bytes(&pair[1])?));
    }
    let is_svix = |name: &[u8]| matches!(name, b"svix-id" | b"svix-timestamp" | b"svix-signature");
    let svix = given.iter().any(|(name, value)| is_svix(name) && !value.is_empty());
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let name = match (svix, name.strip_prefix(b"svix-")) {
            (true, Some(rest)) => [b"webhook-", rest].concat(),
            (true, None) if name.starts_with(b"webhook-") => continue,
            _ => name,
        };
        // hyper answers 400 to bytes that are no name or no value; where the crate does not look, they are left out
        match (HeaderName::from_bytes(&name), HeaderValue::from_bytes(&value)) {
            (Ok(name), Ok(value)) => {
                headers.append(name, value);
            }
            (_, Err(error)) if name.starts_with(b"webhook-") => return Err(error.into()),
            _ => {}
        }
    }
    Ok(headers)
}

fn answer(line: &str) -> Result<Value, Box<dyn Error>> {
    let request: Value = serde_json::from_str(line)?;
    let webhook = Webhook::new(&String::from_utf8(bytes(&request["secret"])?)?)?;
    let body = bytes(&request["body"])?;
    if request["do"] == "sign" {
        let id = request["id"].as_str().ok_or("no id")?;
        let timestamp = request["timestamp"].as_i64().ok_or("no timestamp")?;
        return Ok(json!({ "signature": webhook.sign(id, timestamp, &body)? }));
    }
    webhook.verify(&body, &headers_of(&request["headers"])?)?;
    Ok(json!({ "authentic": true }))
}

fn main() {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let result = answer(&line).unwrap_or_else(|error| json!({ "refused": error.to_string() }));
        if writeln!(out, "{result}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}
