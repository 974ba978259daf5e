package vendortest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Report is a signed request that a vendor makes afterwards: a status callback, an inbound message, a batch of events.
type Report struct {
	// URI is path and query at the relay.
	URI string
	// Header has the media type and the signature.
	Header http.Header
	Body   []byte
}

// Post makes the request to a relay that listens at the address, such as "http://127.0.0.1:8080", and gives the status of its
// answer. The signature is for the public address all the same, as behind a proxy.
func (r Report) Post(ctx context.Context, address string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+r.URI, bytes.NewReader(r.Body))
	if err != nil {
		return 0, fmt.Errorf("make a report: %w", err)
	}
	req.Header = r.Header.Clone()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post a report: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, fmt.Errorf("read the answer to a report: %w", err)
	}
	return res.StatusCode, nil
}

// Deliver posts until the answer is a success, as a vendor does that was asked to repeat, at most tries times. The address is asked
// for anew each time, so that another replica can take over. It returns the last fault.
func (r Report) Deliver(ctx context.Context, tries int, address func() string) error {
	const pause = 100 * time.Millisecond
	var last error
	for n := range tries {
		if n > 0 {
			timer := time.NewTimer(pause << min(n-1, 5))
			select {
			case <-ctx.Done():
				timer.Stop()
				return ctx.Err()
			case <-timer.C:
			}
		}
		status, err := r.Post(ctx, address())
		if err == nil && status/100 == 2 {
			return nil
		}
		if last = err; err == nil {
			last = fmt.Errorf("a report was answered %d", status)
		}
	}
	return last
}

// Disorder gives reports as a bad day brings them: in any order, and some of them twice.
func Disorder(random *rand.Rand, reports []Report) []Report {
	out := slices.Clone(reports)
	for _, r := range reports {
		if random.IntN(3) == 0 {
			out = append(out, r)
		}
	}
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
