package twilio

import "testing"

// BenchmarkSignature verifies and reads one status callback.
func BenchmarkSignature(b *testing.B) {
	c := newCallbacks(b, publicURL, simpleToken)
	const body = "AccountSid=ACbec0bec0bec0bec0bec0bec0bec0bec0&ApiVersion=2010-04-01&From=%2B15005550006&MessageSid=SM1&MessageStatus=delivered&SmsSid=SM1&SmsStatus=delivered&To=%2B14155550123"
	call := Callback{URI: StatusPath + "?m=dl_1", Body: []byte(body)}
	call.Signature = sign(publicURL+call.URI, body)
	b.ReportAllocs()
	for b.Loop() {
		if got, err := c.Status(call); err != nil || len(got) != 1 {
			b.Fatal(got, err)
		}
	}
}
