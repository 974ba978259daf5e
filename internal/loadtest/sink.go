package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Numbers that are looked for in messages: what stands in an event's text as NumberMark and NumberDigits digits, so that a message can
// be told which event it is of. The first is FirstNumber.
const (
	NumberMark   = "nr-"
	NumberDigits = 12
	FirstNumber  = 100_000_000_000
)

// mostTimes is how many numbers can be asked about at once.
const mostTimes = 1_000_000

// Seen is what became of one number at a sink.
type Seen struct {
	// N is the number, counted from FirstNumber.
	N int64
	// Times is how many messages had it, First and Last when the first and the last came, by the clock of the machine.
	Times       int
	First, Last time.Time
}

// Sink stands in for Twilio and SendGrid: it takes every message, answers as they do, after a delay if one is set, and notes when which
// number came. It has its own process, as the vendors do; SinkClient asks it.
type Sink struct {
	delay atomic.Int64
	taken atomic.Int64

	mu   sync.Mutex
	seen map[int64]Seen
}

// NewSink makes one that takes no time.
func NewSink() *Sink { return &Sink{seen: map[int64]Seen{}} }

// Paths of what a sink is asked.
const (
	sinkCountPath = "/sink/count"
	sinkTimesPath = "/sink/times"
	sinkDelayPath = "/sink/delay"
	sendGridPath  = "/v3/mail/send"
)

// ServeHTTP implements http.Handler.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == sinkCountPath:
		_, _ = fmt.Fprint(w, s.taken.Load())
	case r.URL.Path == sinkTimesPath:
		s.times(w, r)
	case r.URL.Path == sinkDelayPath:
		d, err := time.ParseDuration(r.URL.Query().Get("for"))
		if err != nil || d < 0 {
			http.Error(w, "for: a duration such as 50ms", http.StatusBadRequest)
			return
		}
		s.delay.Store(int64(d))
	case r.Method == http.MethodPost && (r.URL.Path == sendGridPath || strings.HasSuffix(r.URL.Path, "/Messages.json")):
		s.take(w, r)
	default:
		http.NotFound(w, r)
	}
}

// bodies are read into these: a sink must not be what is measured.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }} //nolint:gochecknoglobals // memory only

func (s *Sink) take(w http.ResponseWriter, r *http.Request) {
	body := bodies.Get().(*bytes.Buffer) //nolint:forcetypeassert // nothing else is in there
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(r.Body); err != nil {
		return // the connection is gone
	}
	if d := time.Duration(s.delay.Load()); d > 0 {
		pause(r.Context(), time.Now().Add(d))
	}
	if n, ok := numberIn(body.Bytes()); ok {
		s.note(n, time.Now())
	}
	taken := s.taken.Add(1)
	if r.URL.Path == sendGridPath {
		w.Header().Set("X-Message-Id", fmt.Sprintf("bench%012d", taken))
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, twilioAnswer, taken)
}

// twilioAnswer has the fields of Twilio's, since the client has to read them.
const twilioAnswer = `{"account_sid":"ACbec0bec0bec0bec0bec0bec0bec0bec0","api_version":"2010-04-01","body":"taken",` +
	`"date_created":"Mon, 02 Mar 2026 12:00:00 +0000","date_sent":null,"date_updated":"Mon, 02 Mar 2026 12:00:00 +0000",` +
	`"direction":"outbound-api","error_code":null,"error_message":null,"from":"+15005550006","messaging_service_sid":null,` +
	`"num_media":"0","num_segments":"1","price":null,"price_unit":null,"sid":"SM%032x","status":"queued",` +
	`"subresource_uris":{"media":"/Media.json"},"to":"+14155550100","uri":"/Messages.json"}`

// numberIn finds the number of a message, counted from FirstNumber.
func numberIn(body []byte) (int64, bool) {
	_, rest, found := bytes.Cut(body, []byte(NumberMark))
	if !found || len(rest) < NumberDigits {
		return 0, false
	}
	n, err := strconv.ParseInt(string(rest[:NumberDigits]), 10, 64)
	n -= FirstNumber
	return n, err == nil && n >= 0
}

func (s *Sink) note(n int64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen[n]
	if seen.Times == 0 {
		seen.N, seen.First = n, now
	}
	seen.Times++
	seen.Last = now
	s.seen[n] = seen
}

// times answers with those that were seen from one number to another.
func (s *Sink) times(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	to, err2 := strconv.ParseInt(r.URL.Query().Get("to"), 10, 64)
	if err != nil || err2 != nil || from < 0 || to-from > mostTimes {
		http.Error(w, fmt.Sprintf("from and to: numbers, at most %d apart", mostTimes), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	out := []Seen{}
	for n := from; n < to; n++ {
		if seen, ok := s.seen[n]; ok {
			out = append(out, seen)
		}
	}
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(out) // the connection may be gone
}

// SinkClient asks a sink in another process.
type SinkClient struct{ Address string }

// URL is what replaces the vendors' addresses.
func (c SinkClient) URL() string { return "http://" + c.Address }

func (c SinkClient) ask(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL()+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the sink: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the sink: %w", err)
	}
	return body, nil
}

// Count is how many messages it took.
func (c SinkClient) Count(ctx context.Context) (int64, error) {
	body, err := c.ask(ctx, sinkCountPath)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(body), 10, 64)
}

// Times are the numbers seen, from one to before another, counted from FirstNumber.
func (c SinkClient) Times(ctx context.Context, from, to int64) ([]Seen, error) {
	body, err := c.ask(ctx, fmt.Sprintf("%s?from=%d&to=%d", sinkTimesPath, from, to))
	if err != nil {
		return nil, err
	}
	var seen []Seen
	return seen, json.Unmarshal(body, &seen)
}

// Delay lets it take so long for each message.
func (c SinkClient) Delay(ctx context.Context, d time.Duration) error {
	_, err := c.ask(ctx, sinkDelayPath+"?for="+d.String())
	return err
}
