// Times the standardwebhooks crate; the protocol is told in ../../../../../benchmark/peers.py.
use std::error::Error;
use std::io::{self, BufRead};
use std::time::Instant;
use std::{env, fs};

use http::HeaderMap;
use serde_json::Value;
use standardwebhooks::Webhook;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let webhook = Webhook::new(&arguments[1])?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let body = fs::read(format!("{}/{}.json", arguments[2], words[1]))?;
        let count: u32 = words[2].parse()?;
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", words[3].parse()?);
        headers.insert("webhook-timestamp", words[4].parse()?);
        headers.insert("webhook-signature", words[5].parse()?);

        let mut read = 0;
        let begin = Instant::now();
        for _ in 0..count {
            webhook.verify(&body, &headers)?;
            if words[0] == "parse" {
                let event: Value = serde_json::from_slice(&body)?;
                read += event["id"].as_str().ok_or("no id")?.len();
            }
        }
        let time = begin.elapsed();
        if words[0] == "parse" && read == 0 {
            return Err("no id".into());
        }
        println!("{}", time.as_nanos());
    }
    Ok(())
}
