package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// pagesOfAMillion are the console's pages with what is kept about a million deliveries (storetest.Crowd): as they are opened, as they
// are narrowed, and in the middle of a list.
func pagesOfAMillion() []string {
	return []string{
		"", "deliveries", "deliveries?state=dead", "deliveries?state=retrying", "deliveries?state=delivered", "deliveries?rule=rare",
		"deliveries?rule=once&state=delivered", "deliveries?reason=too_many", "deliveries?to=u77", "deliveries?address=%2B14151000077",
		"deliveries?channel=email&state=sent", "deliveries?since=2026-03-10T00:00:00Z&until=2026-03-11T00:00:00Z", "deliveries/dl_100500000",
		"deliveries/bulk?action=retry&state=dead", "alerts", "alerts?state=held", "alerts?rule=rare", "alerts?reason=too_many", "alerts?to=u77",
		"alerts/al_100500000", "events", "events?trigger=call_initiated", "events/e_100500000", "rules", "playground", "inbox", "suppressions",
		"audit", "find?id=dl_100500000",
	}
}

// BenchmarkPagesOfAMillion measures how long each page of the console takes where 1,000,000 deliveries are kept: the median, and the worst.
func BenchmarkPagesOfAMillion(b *testing.B) {
	path := sqlitetest.New(b)
	sqlitetest.Crowd(b, path, storetest.Million)
	people := filepath.Join(b.TempDir(), "people.yaml")
	require.NoError(b, os.WriteFile(people, []byte("u77: { name: Ann }\n"), 0o600))
	env := map[string]string{
		"BECKON_LISTEN": "127.0.0.1:0", "BECKON_ADMIN_LISTEN": "127.0.0.1:0", "BECKON_TEMPLATES": "../../templates", "BECKON_RULES": "../../rules.yaml",
		"BECKON_WEBHOOK_USERS": "a:b", "BECKON_DIRECTORY": "file:" + people, "BECKON_DATABASE_URL": "sqlite:" + path, "BECKON_PROVIDERS": "outbox",
	}
	c, err := config.Load(func(name string) (string, bool) { value, ok := env[name]; return value, ok }, os.ReadFile)
	require.NoError(b, err)
	logger, level := NewLogger(c, io.Discard)
	a, err := New(b.Context(), Options{Config: c, Version: "test", Logger: logger, Level: level, Dev: true})
	require.NoError(b, err)
	defer func() { require.NoError(b, a.Close()) }()
	for _, page := range pagesOfAMillion() {
		b.Run("/"+page, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://127.0.0.1/console/"+page, http.NoBody)
				r.RemoteAddr = "127.0.0.1:1"
				answer, began := httptest.NewRecorder(), time.Now()
				a.serveAdmin(answer, r)
				took = append(took, time.Since(began))
				require.Less(b, answer.Code, http.StatusBadRequest, answer.Body.String())
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/worst")
		})
	}
}
