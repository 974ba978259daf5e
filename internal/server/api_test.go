package server_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/view"
)

// drawer has as many deliveries as rows says, and remembers what it was asked.
type drawer struct {
	rows    int
	fails   error
	queries []view.Query
	by      []string
}

func (s *drawer) Events(_ context.Context, q view.Query) (view.Page[view.Event], error) {
	s.queries = append(s.queries, q)
	return view.Page[view.Event]{Items: []view.Event{}}, s.fails
}

func (s *drawer) Alerts(_ context.Context, q view.Query) (view.Page[view.Alert], error) {
	s.queries = append(s.queries, q)
	return view.Page[view.Alert]{Items: []view.Alert{{ID: "al_1", Rule: "=HYPERLINK(1)", To: "@sum", ReceivedAt: time.Unix(1, 0)}}}, s.fails
}

func (s *drawer) Deliveries(_ context.Context, q view.Query) (view.Page[view.Delivery], error) {
	s.queries = append(s.queries, q)
	at, _ := strconv.Atoi(q.After)
	page := view.Page[view.Delivery]{Items: []view.Delivery{}}
	for ; at < s.rows && len(page.Items) < q.Limit; at++ {
		page.Items = append(page.Items, view.Delivery{ID: fmt.Sprint("dl_", at), To: "+14*****55", Channel: relay.ChannelSMS})
	}
	if at < s.rows {
		page.Next = strconv.Itoa(at)
	}
	return page, s.fails
}

func (s *drawer) Event(_ context.Context, id, by string) (view.EventDetail, error) {
	s.by = append(s.by, by)
	return view.EventDetail{Event: view.Event{ID: id}, Raw: []byte(`{"a":"<b>"}`)}, s.fails
}

func (s *drawer) Alert(context.Context, string) (view.AlertDetail, error) {
	return view.AlertDetail{}, s.fails
}

func (s *drawer) Delivery(_ context.Context, id, by string) (view.DeliveryDetail, error) {
	s.by = append(s.by, by)
	return view.DeliveryDetail{Delivery: view.Delivery{ID: id}}, s.fails
}

func drawn(s *drawer) http.Handler {
	o := healthy()
	o.Guard, o.API = kimAndVi(), &server.API{Lists: s, Details: s}
	return server.NewAdmin(o)
}

func TestAListIsAskedForByItsQuery(t *testing.T) {
	t.Parallel()
	s := &drawer{rows: 3}
	answer := ask(t, drawn(s), http.MethodGet, "/console/api/deliveries?state=retrying&channel=sms&limit=2&since=2h", as("vi", "look only"),
		func(r *http.Request) { r.Header.Set(server.AddressHeader, "+14155550123") })
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	require.Contains(t, answer.Body.String(), `"next":"2"`)
	q := s.queries[0]
	require.WithinDuration(t, time.Now().Add(-2*time.Hour), q.Since, time.Minute)
	q.Since = time.Time{}
	require.Equal(t, view.Query{State: view.Retrying, Channel: relay.ChannelSMS, Address: "+14155550123", Limit: 2}, q)
}

func TestWhatAListCannotBeIsSaid(t *testing.T) {
	t.Parallel()
	s := &drawer{}
	for path, says := range map[string]string{
		"events?stat=dead":               `there is no parameter "stat" here; there are: trigger, since`,
		"events?state=held":              `there is no parameter "state"`,
		"alerts?limit=0":                 "limit is a number from 1 to 1000",
		"deliveries?channel=fax":         "must be one of",
		"deliveries?a=%zz":               "escape its values",
		"deliveries?format=xml":          "format is csv",
		"deliveries?format=csv&limit=3":  "format is csv, and then there is no limit",
		"events/abcdef?reveal=yes":       "reveal is true or false",
		"alerts/abcdef?reveal=true":      `there is no parameter "reveal"`,
		"deliveries?address=1&address=2": "address is given 2 times",
		"deliveries?since=1h&until=2h":   "since must be before until",
	} {
		answer := ask(t, drawn(s), http.MethodGet, "/console/api/"+path, as("kim", "open sesame"))
		require.Equal(t, http.StatusBadRequest, answer.Code, path)
		require.Contains(t, answer.Body.String(), `"code":"bad_query"`, path)
		require.Contains(t, strings.ReplaceAll(answer.Body.String(), `\"`, `"`), says, path)
	}
	require.Empty(t, s.queries)
	require.Empty(t, s.by)
}

func TestOnlyAnOperatorSeesInClear(t *testing.T) {
	t.Parallel()
	s := &drawer{}
	h := drawn(s)
	for _, path := range []string{"/console/api/events/abcdef", "/console/api/deliveries/dl_abcdef"} {
		require.Equal(t, http.StatusOK, ask(t, h, http.MethodGet, path, as("vi", "look only")).Code)
		require.Equal(t, http.StatusForbidden, ask(t, h, http.MethodGet, path+"?reveal=true", as("vi", "look only")).Code)
		require.Equal(t, http.StatusOK, ask(t, h, http.MethodGet, path+"?reveal=true", as("kim", "open sesame")).Code)
		require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodGet, path).Code)
	}
	require.Equal(t, []string{"", "kim", "", "kim"}, s.by)
	require.Contains(t, ask(t, h, http.MethodGet, "/console/api/events/abcdef?reveal=true", as("kim", "open sesame")).Body.String(),
		`"raw":{"a":"<b>"}`, "as it came")
}

func TestWhyNothingIsShownHasAStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{&view.Refusal{Code: view.NotFound, Message: "no event"}, http.StatusNotFound, "not_found"},
		{&view.Refusal{Code: view.Ambiguous, Message: "two"}, http.StatusConflict, "ambiguous"},
		{fmt.Errorf("read: %w", &view.Refusal{Code: view.BadID, Message: "short"}), http.StatusBadRequest, "bad_id"},
		{errors.New("secret trouble"), http.StatusServiceUnavailable, "store_unavailable"},
	} {
		answer := ask(t, drawn(&drawer{fails: tt.err}), http.MethodGet, "/console/api/alerts/abcdef", as("vi", "look only"))
		require.Equal(t, tt.status, answer.Code)
		require.Contains(t, answer.Body.String(), tt.code)
		require.NotContains(t, answer.Body.String(), "secret")
	}
}

func TestATableGoesThroughAllPagesAndDoesNotHarmASpreadsheet(t *testing.T) {
	t.Parallel()
	s := &drawer{rows: 2500}
	answer := ask(t, drawn(s), http.MethodGet, "/console/api/deliveries?format=csv&rule=x", as("vi", "look only"))
	require.Equal(t, "text/csv; charset=utf-8", answer.Header().Get("Content-Type"))
	rows, err := csv.NewReader(answer.Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2501)
	require.Equal(t, "created_at", rows[0][0])
	require.Equal(t, "'+14*****55", rows[2500][4])
	require.Equal(t, "dl_2499", rows[2500][len(rows[2500])-1])
	require.Len(t, s.queries, 3)
	require.Equal(t, "2000", s.queries[2].After)
	require.Equal(t, "x", s.queries[2].Rule)

	answer = ask(t, drawn(s), http.MethodGet, "/console/api/alerts?format=csv", as("vi", "look only"))
	rows, err = csv.NewReader(answer.Body).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"'@sum", "'=HYPERLINK(1)"}, rows[1][4:6])
}

func TestATableThatIsTooLongSaysWhereToGoOn(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(drawn(&drawer{rows: 100_001}))
	t.Cleanup(web.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/console/api/deliveries?format=csv", http.NoBody)
	require.NoError(t, err)
	request.SetBasicAuth("kim", "open sesame")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close() //nolint:errcheck // of a test
	rows, err := csv.NewReader(answer.Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 100_001)
	require.Equal(t, "100000", answer.Trailer.Get(server.NextTrailer))
}
