package postgres

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// SendGrid reports in batches of as many events as fit into 768 KB. One that takes longer than a transaction may would be refused
// each time it comes again, and take down with it what shares its transaction.
func TestALargeBatchOfReceiptsIsKept(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	hurried := s.Options // a server that is near answers several times as fast as one that is far away
	hurried.Timeout = writeTimeout / 4
	kept := tables.New(t.Context(), hurried)
	t.Cleanup(kept.CloseWriter)
	receipts := make([]relay.Receipt, 2_000)
	for i := range receipts {
		id := strconv.Itoa(i)
		receipts[i] = relay.Receipt{
			Provider: "sendgrid", Key: id, DeliveryID: "dl_" + id, State: relay.DeliverySent, At: time.Now(),
			Address: relay.NewAddress(relay.ChannelEmail, id+"@example.net"), Suppress: relay.ReasonBounced, Source: relay.SuppressedByProvider,
		}
	}
	_, err := kept.Receive(t.Context(), receipts)
	require.NoError(t, err)
	require.Equal(t, len(receipts), count(t, s, "SELECT count(*) FROM receipts"))
}
