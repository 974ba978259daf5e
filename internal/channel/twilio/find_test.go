package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
)

func TestAMessageWhoseAnswerWasLostIsFound(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	client := newClient(t, server)
	began := time.Now()
	server.Next(vendortest.Answer{Reset: true})
	require.Equal(t, relay.Unknown, client.Send(t.Context(), delivery("dl_lost")).Kind)
	lost := server.Sent("dl_lost")[0]

	found, err := client.Find(t.Context(), delivery("dl_lost"), began)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, lost.SID, found[0].ProviderID)
	require.Equal(t, relay.DeliverySent, found[0].State)
	require.WithinDuration(t, lost.At, found[0].At, time.Second)

	server.Reports(lost, "undelivered 30005")
	found, err = client.Find(t.Context(), delivery("dl_lost"), began)
	require.NoError(t, err)
	require.Equal(t, relay.DeliveryUndelivered, found[0].State)
	require.Equal(t, relay.ReasonInvalidNumber, found[0].Reason)
	require.Empty(t, server.Faults())
}

func TestAMessageThatWasNotTakenIsNotFound(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	client := newClient(t, server)
	server.Next(vendortest.Answer{Drop: true})
	require.Equal(t, relay.Unknown, client.Send(t.Context(), delivery("dl_lost")).Kind)
	found, err := client.Find(t.Context(), delivery("dl_lost"), time.Now())
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestOnlyWhatMayBeTheDeliverysIsFoundOldestFirst(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	client := newClient(t, server)
	send := func(id string, change func(*relay.Delivery)) {
		d := delivery(id)
		change(&d)
		require.Equal(t, relay.Accepted, client.Send(t.Context(), d).Kind)
	}
	send("dl_first", func(*relay.Delivery) {})
	send("dl_other_number", func(d *relay.Delivery) { d.Phone = "+14155550124" })
	send("dl_other_text", func(d *relay.Delivery) { d.Content.Text = "Ann mentioned you: see you at 9" })
	send("dl_second", func(*relay.Delivery) {})
	found, err := client.Find(t.Context(), delivery("dl_lost"), time.Now())
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, server.Sent("dl_first")[0].SID, found[0].ProviderID)
	require.Equal(t, server.Sent("dl_second")[0].SID, found[1].ProviderID)

	found, err = client.Find(t.Context(), delivery("dl_lost"), time.Now().Add(listSkew+2*time.Second))
	require.NoError(t, err)
	require.Empty(t, found, "made before the attempt began")

	config := validConfig()
	config.BaseURL, config.From = server.URL, "+14155550199"
	another, err := New(config)
	require.NoError(t, err)
	found, err = another.Find(t.Context(), delivery("dl_lost"), time.Now())
	require.NoError(t, err)
	require.Empty(t, found, "from another sender")

	config.From, config.MessagingServiceSID = "", vendortest.TwilioServiceSID
	service, err := New(config)
	require.NoError(t, err)
	require.Equal(t, relay.Accepted, service.Send(t.Context(), delivery("dl_service")).Kind)
	found, err = service.Find(t.Context(), delivery("dl_lost"), time.Now())
	require.NoError(t, err)
	require.Len(t, found, 1, "by the service, although the number is not chosen yet")
	require.Empty(t, server.Faults())
}

func TestTheSameWordsAreTheSameText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		shown, sent string
		same        bool
	}{
		{"Ann: \"see you at 8\"", "Ann: „see you at 8“", true},
		{"Bob - it's 5...", "Bob — it’s 5…", true},
		{"a b", "a\u00a0b", true},
		{"a b", "a \u200bb", true},
		{"Sent from your Twilio trial account - hello", "hello", true},
		{"hello  ", "hello", true},
		{"👋 hello", "👋 hello", true},
		{"👋 hello", "hello", false},
		{"5 €", "5 $", false},
		{"see you at 8", "see you at 9", false},
		{"résumé", "resume", false},
		{"", "hello", false},
		{"...", "!!!", false},
		{"...", "...", true},
	}
	for _, test := range tests {
		require.Equal(t, test.same, sameText(test.shown, test.sent), "%q %q", test.shown, test.sent)
	}
}

func TestWhatCannotBeAskedIsAnErrorAndNotAnEmptyList(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer vendortest.Answer
		want   string
	}{
		"a gateway's page":      {vendortest.Answer{Status: 502, Body: "<html>+14155550123</html>"}, "twilio answered 502"},
		"too many requests":     {vendortest.Answer{Status: 429, Body: `{"code":20429,"message":"x"}`}, "twilio answered 429, code 20429"},
		"an unknown error":      {vendortest.Answer{Status: 400, Body: `{"code":29999,"message":"to +14155550123"}`}, "code 29999"},
		"a redirect":            {vendortest.Answer{Status: 302}, "twilio answered 302"},
		"a reset":               {vendortest.Answer{Reset: true}, "list twilio's messages: "},
		"an answer that breaks": {vendortest.Answer{CutOff: true}, "cannot be read"},
		"another's page":        {vendortest.Answer{Status: 500, Body: `{"messages":[]}`}, "twilio answered 500"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewTwilio(t)
			server.Next(test.answer)
			found, err := newClient(t, server).Find(t.Context(), delivery("dl_lost"), noon)
			require.ErrorContains(t, err, test.want)
			require.Empty(t, found)
			require.NotContains(t, err.Error(), "4155550123")
			require.NotContains(t, err.Error(), vendortest.TwilioAccountSID)
		})
	}
}

func TestAListThatMayNotBeReadIsNone(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		server := vendortest.NewTwilio(t)
		server.Next(vendortest.Answer{Status: status, Body: `{"code":20003,"message":"to +14155550123"}`})
		_, err := newClient(t, server).Find(t.Context(), delivery("dl_lost"), noon)
		require.ErrorIs(t, err, channel.ErrNoList)
		require.ErrorContains(t, err, "code 20003")
		require.NotContains(t, err.Error(), "4155550123")
	}
}

func TestAnAnswerThatIsNoListIsAnError(t *testing.T) {
	t.Parallel()
	m := map[string]any{
		"sid": "SM1", "to": "+14155550123", "from": vendortest.TwilioFrom, "body": delivery("").Content.Text.Reveal(), "date_created": "soon",
	}
	undated, err := json.Marshal(map[string]any{"messages": []any{m}})
	require.NoError(t, err)
	for _, body := range []string{"{}", `{"messages":null}`, `[]`, `{"messages":[{"sid":1}]}`, "", "<html>", string(undated)} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		config := validConfig()
		config.BaseURL = server.URL
		client, err := New(config)
		require.NoError(t, err)
		_, err = client.Find(t.Context(), delivery("dl_lost"), noon)
		require.Error(t, err, body)
		server.Close()
	}
}

func TestAPageThatDoesNotReachBackDoesNotProveThatThereIsNone(t *testing.T) {
	t.Parallel()
	client, err := New(validConfig())
	require.NoError(t, err)
	page := make([]api.ApiV2010Message, listPage)
	for i := range page {
		made := noon.Add(-time.Duration(i) * time.Second).Format(time.RFC1123Z)
		page[i] = api.ApiV2010Message{DateCreated: &made}
	}
	_, err = client.candidates(page, delivery("dl_lost"), noon.Add(-time.Hour))
	require.ErrorIs(t, err, channel.ErrCutShort)
	d := delivery("dl_lost")
	sid, to, from, text := "SM1", d.Phone.Reveal(), vendortest.TwilioFrom, d.Content.Text.Reveal()
	page[0].Sid, page[0].To, page[0].From, page[0].Body = &sid, &to, &from, &text
	found, err := client.candidates(page, d, noon.Add(-time.Hour))
	require.ErrorIs(t, err, channel.ErrCutShort, "also where something was found, which may be another's")
	require.Len(t, found, 1)
	_, err = client.candidates(page, delivery("dl_lost"), noon.Add(-10*time.Second))
	require.NoError(t, err)
	_, err = client.candidates(page[:listPage-1], delivery("dl_lost"), noon.Add(-time.Hour))
	require.NoError(t, err, "there are no more")
}

// It replaces the connection, because synctest's clock stands still while a real one is waited for.
func TestALookEndsByItsOwnDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := New(validConfig())
		require.NoError(t, err)
		client.http = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		started := time.Now()
		_, err = client.Find(t.Context(), delivery("dl_1"), noon)
		require.EqualError(t, err, "list twilio's messages: timed out")
		require.Equal(t, channel.Deadline, time.Since(started))
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = client.Find(cancelled, delivery("dl_1"), noon)
		require.EqualError(t, err, "list twilio's messages: cancelled")
	})
}

func TestTheListIsAskedAsTwilioDocumentsIt(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t, vendortest.Specs(vendortest.SpecsDir(t)))
	_, err := newClient(t, server).Find(t.Context(), delivery("dl_1"), noon)
	require.NoError(t, err)
	require.Equal(t, 1, server.Requests())
	require.Empty(t, server.Faults())
}

func FuzzList(f *testing.F) {
	f.Add([]byte(`{"messages":[{"sid":"SM1","to":"+14155550123","from":"+15005550006","body":"x","status":"sent",` +
		`"date_created":"Mon, 02 Mar 2026 12:00:00 +0000","error_code":null}]}`))
	f.Add([]byte(`{"messages":[{"body":null,"error_code":30005}]}`))
	f.Add([]byte(`[]`))
	client, err := New(validConfig())
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		var list api.ListMessageResponse
		if json.Unmarshal(body, &list) != nil {
			return
		}
		d := delivery("dl_1")
		d.Content.Text = "x"
		found, err := client.candidates(list.Messages, d, noon)
		if err != nil && !errors.Is(err, channel.ErrCutShort) {
			require.Empty(t, found)
		}
		for _, one := range found {
			require.NotEmpty(t, one.ProviderID)
			require.Positive(t, one.State.Rank())
			require.False(t, one.At.Before(noon))
			require.Equal(t, one.State == relay.DeliveryUndelivered, one.Reason != "")
		}
		require.LessOrEqual(t, len(words("x")), len(words("x"+string(body))))
	})
}
