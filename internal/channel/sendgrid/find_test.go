package sendgrid

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
)

func withActivity(t *testing.T, server *vendortest.SendGrid) *Client {
	t.Helper()
	client := newClient(t, server)
	client.activity = true
	return client
}

func TestAMailWhoseAnswerWasLostIsFound(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	client := withActivity(t, server)
	server.Next(vendortest.Answer{Reset: true}, vendortest.Answer{Reset: true})
	client.Send(t.Context(), delivery("dl_lost"))
	client.Send(t.Context(), delivery("dl_lost"))
	require.Equal(t, relay.Accepted, client.Send(t.Context(), delivery("dl_other")).Kind)
	lost := server.Sent("dl_lost")
	server.Event(lost[0], "delivered", nil)
	server.Event(lost[1], "bounce", nil)

	found, err := client.Find(t.Context(), delivery("dl_lost"), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Len(t, found, 2, "both attempts, whenever they were made")
	require.Equal(t, []string{lost[0].MessageID, lost[1].MessageID}, []string{found[0].ProviderID, found[1].ProviderID})
	require.Equal(t, relay.DeliveryDelivered, found[0].State)
	require.Equal(t, relay.DeliveryUndelivered, found[1].State)
	require.Equal(t, relay.ReasonRejected, found[1].Reason)

	found, err = client.Find(t.Context(), delivery("dl_other"), noon)
	require.NoError(t, err)
	require.Equal(t, relay.DeliverySent, found[0].State)
	found, err = client.Find(t.Context(), delivery("dl_never"), noon)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Empty(t, server.Faults())
}

func TestWithoutTheAddOnThereIsNoList(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	_, err := newClient(t, server).Find(t.Context(), delivery("dl_1"), noon)
	require.ErrorIs(t, err, channel.ErrNoList)
	require.Zero(t, server.Requests())
}

func TestAnActivityThatIsForbiddenIsNone(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		server := vendortest.NewSendGrid(t)
		server.Next(vendortest.Answer{Status: status, Body: "ann@example.org"})
		_, err := withActivity(t, server).Find(t.Context(), delivery("dl_1"), noon)
		require.ErrorIs(t, err, channel.ErrNoList)
		require.NotEqual(t, channel.ErrNoList, err, "somebody can do something about it")
		require.ErrorContains(t, err, "SENDGRID_ACTIVITY")
		require.NotContains(t, err.Error(), "ann@")
	}
}

func TestTheActivityIsBehindByMinutesUnlessTheSettingsSayOtherwise(t *testing.T) {
	t.Parallel()
	config := Config{APIKey: vendortest.SendGridAPIKey, From: vendortest.SendGridFrom, Activity: true}
	client, err := New(config)
	require.NoError(t, err)
	require.Equal(t, 15*time.Minute, client.Lag())
	config.ActivityLag = 5 * time.Second
	client, err = New(config)
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, client.Lag())
}

func TestASearchThatWasUnderstoodOtherwiseSettlesNothing(t *testing.T) {
	t.Parallel()
	d := delivery("dl_1")
	const at = `"last_event_time":"2026-03-02T12:00:00Z"`
	tests := map[string]struct {
		body  string
		count int
	}{
		"ours":             {`{"msg_id":"a.filter1","to_email":"ANN@example.org","subject":"Bob mentioned you:  «see you at 8»","status":"processed",` + at + `}`, 1},
		"another's":        {`{"msg_id":"a.filter1","to_email":"bob@example.org","subject":"Bob mentioned you: «see you at 8»",` + at + `}`, 0},
		"another subject":  {`{"msg_id":"a.filter1","to_email":"ann@example.org","subject":"Bob",` + at + `}`, 0},
		"no subject":       {`{"msg_id":"a.filter1","to_email":"ann@example.org",` + at + `}`, 0},
		"no id":            {`{"msg_id":"","to_email":"ann@example.org","subject":"Bob mentioned you: «see you at 8»"}`, 0},
		"a status of 2030": {`{"msg_id":"a.filter1","to_email":"ann@example.org","subject":"Bob mentioned you: «see you at 8»","status":"x"}`, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := found([]byte(`{"messages":[`+test.body+`]}`), d)
			require.NoError(t, err)
			require.Len(t, got, test.count)
			for _, one := range got {
				require.Equal(t, relay.DeliverySent, one.State)
			}
		})
	}
	require.True(t, sameSubject("Ann mentioned you in a group with a very long name indeed, an...", "Ann mentioned you in a group with a very long name indeed, and more"))
	require.False(t, sameSubject("Ann...", "Ann mentioned you"))
}

func TestWhatCannotBeAskedIsAnErrorAndNotAnEmptyList(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer vendortest.Answer
		want   string
	}{
		"not understood":        {vendortest.Answer{Status: 400, Body: "ann@example.org"}, "sendgrid answered 400: no list"},
		"too many requests":     {vendortest.Answer{Status: 429}, "sendgrid answered 429: too many searches"},
		"a gateway's page":      {vendortest.Answer{Status: 502, Body: "<html>"}, "sendgrid answered 502: no list"},
		"a reset":               {vendortest.Answer{Reset: true}, "search sendgrid's activity: "},
		"an answer that breaks": {vendortest.Answer{CutOff: true}, "cut off"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewSendGrid(t)
			server.Next(test.answer)
			got, err := withActivity(t, server).Find(t.Context(), delivery("dl_1"), noon)
			require.ErrorContains(t, err, test.want)
			require.NotErrorIs(t, err, channel.ErrNoList)
			require.NotContains(t, err.Error(), "ann@")
			require.Empty(t, got)
		})
	}
	server := vendortest.NewSendGrid(t)
	d := delivery(`x" OR to_email="bob@example.org`)
	_, err := withActivity(t, server).Find(t.Context(), d, noon)
	require.ErrorContains(t, err, "does not fit")
	require.Zero(t, server.Requests())
	for _, body := range []string{"", "{}", "[]", `{"messages":null}`, `{"messages":[{"msg_id":1}]}`, "<html>"} {
		_, err = found([]byte(body), delivery("dl_1"))
		require.ErrorContains(t, err, "cannot be read", body)
	}
}

// It replaces the connection, because synctest's clock stands still while a real one is waited for.
func TestASearchEndsByItsOwnDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := New(Config{APIKey: vendortest.SendGridAPIKey, From: vendortest.SendGridFrom, Activity: true})
		require.NoError(t, err)
		client.rest.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			require.Equal(t, "api.sendgrid.com", r.URL.Host)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		started := time.Now()
		_, err = client.Find(context.WithoutCancel(t.Context()), delivery("dl_1"), noon)
		require.EqualError(t, err, "search sendgrid's activity: timed out")
		require.Equal(t, channel.Deadline, time.Since(started))
	})
}

func FuzzActivity(f *testing.F) {
	f.Add([]byte(`{"messages":[{"msg_id":"a.filter1","to_email":"ann@example.org","subject":"x","status":"delivered",` +
		`"last_event_time":"2026-03-02T12:00:00Z"}]}`))
	f.Add([]byte(`{"messages":[{"last_event_time":5}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d := delivery("dl_1")
		d.Content.Subject = "x"
		got, err := found(body, d)
		if err != nil {
			require.Empty(t, got)
		}
		for _, one := range got {
			require.NotEmpty(t, one.ProviderID)
			require.Positive(t, one.State.Rank())
			require.Equal(t, one.State == relay.DeliveryUndelivered, one.Reason != "")
		}
	})
}
