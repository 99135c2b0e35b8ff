module pivotal-webhook/tests/conformance/peers/go

go 1.19 // Debian 12's

// The others are at 1.99.1, which imports slices and so needs Go 1.21. Its webhook.go verifies as this one's does: it
// differs in the texts of errors, and in refusing an empty secret.
require github.com/svix/svix-webhooks v1.44.0

require gopkg.in/validator.v2 v2.0.1 // indirect
