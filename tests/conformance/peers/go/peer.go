// The svix module of Go, driven line by line; the protocol is told in ../peer.hpp.
package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// encoding/json writes and reads []byte as base64.
type request struct {
	Do        string      `json:"do"`
	Secret    []byte      `json:"secret"`
	Headers   [][2][]byte `json:"headers"`
	ID        string      `json:"id"`
	Timestamp int64       `json:"timestamp"`
	Body      []byte      `json:"body"`
}

type result struct {
	Authentic bool   `json:"authentic,omitempty"`
	Signature string `json:"signature,omitempty"`
	Refused   string `json:"refused,omitempty"`
}

func answer(line []byte) (result, error) {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return result{}, err
	}
	webhook, err := svix.NewWebhook(string(r.Secret))
	if err != nil {
		return result{}, err
	}
	if r.Do == "sign" {
		signature, err := webhook.Sign(r.ID, time.Unix(r.Timestamp, 0), r.Body)
		return result{Signature: signature}, err
	}
	headers := http.Header{}
	for _, header := range r.Headers {
		headers.Add(string(header[0]), string(header[1]))
	}
	return result{Authentic: true}, webhook.Verify(r.Body, headers)
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		given, err := answer(line)
		if err != nil {
			given = result{Refused: err.Error()}
		}
		if out.Encode(given) != nil {
			return
		}
	}
}
