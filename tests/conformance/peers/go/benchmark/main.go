// Times the svix module of Go; the protocol is told in ../../../../benchmark/peers.py.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	webhook, err := svix.NewWebhook(os.Args[1])
	check(err)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var mode, size, id, timestamp, signature string
		var count int
		_, err := fmt.Sscan(in.Text(), &mode, &size, &count, &id, &timestamp, &signature)
		check(err)
		body, err := os.ReadFile(os.Args[2] + "/" + size + ".json")
		check(err)
		headers := http.Header{}
		headers.Set("svix-id", id)
		headers.Set("svix-timestamp", timestamp)
		headers.Set("svix-signature", signature)

		begin := time.Now()
		for i := 0; i < count; i++ {
			check(webhook.Verify(body, headers))
			if mode == "parse" {
				var event map[string]interface{}
				check(json.Unmarshal(body, &event))
				_ = event["id"].(string)
			}
		}
		fmt.Println(time.Since(begin).Nanoseconds())
	}
}
