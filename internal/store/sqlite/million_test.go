package sqlite_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// BenchmarkMillion measures what a console asks for where 1,000,000 deliveries are kept: the median of each question.
func BenchmarkMillion(b *testing.B) {
	path := sqlitetest.New(b)
	sqlitetest.Crowd(b, path, storetest.Million)
	s, err := sqlite.Open(b.Context(), sqlite.Options{Path: path, Decode: storetest.Decode, Now: time.Now})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	for _, q := range storetest.Questions(s) {
		b.Run(q.Name, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				began := time.Now()
				require.NoError(b, q.Ask(b.Context()))
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
		})
	}
}
