package loadtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Pages asks for a page so many times, one after the other, and tells how long each took until its last byte.
func Pages(ctx context.Context, url string, times int) (*Latency, error) {
	took := NewLatency()
	for range times {
		start := time.Now()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return nil, err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close() // it is read
		if err != nil {
			return nil, err
		}
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s was answered %s", url, answer.Status)
		}
		took.Add(time.Since(start))
	}
	return took, nil
}

// Alerts posts one request to a relay and gives how many alerts it says it made.
func Alerts(ctx context.Context, address string, template *Template, n int64) (int, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close() //nolint:errcheck // one answer is all that is wanted
	if _, err := conn.Write(template.Append(nil, n)); err != nil {
		return 0, err
	}
	var raw bytes.Buffer
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	if _, err := raw.ReadFrom(answer.Body); err != nil {
		return 0, err
	}
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the webhook was answered %s: %s", answer.Status, raw.Bytes())
	}
	var receipt struct{ Alerts int }
	return receipt.Alerts, json.Unmarshal(raw.Bytes(), &receipt)
}
