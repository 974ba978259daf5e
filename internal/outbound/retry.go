package outbound

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// MaxRetryAfter bounds what a service may ask us to wait.
const MaxRetryAfter = time.Hour

// RetryAfter reads the header of that name, which is a number of seconds or an HTTP date (RFC 9110, 10.2.3). It is 0
// where there is none, it cannot be read or it has passed, and at most MaxRetryAfter.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, ok := digits(value); ok {
		return min(time.Duration(seconds)*time.Second, MaxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter)
}

// digits reads a whole number. One too long for us is as good as the largest: it is bounded anyway.
func digits(s string) (int64, bool) {
	var n int64
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int64(c-'0'), math.MaxInt32)
	}
	return n, true
}
