package vendortest_test

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
)

// relayFake notes what is posted to it, and answers what it is told.
type relayFake struct {
	*httptest.Server

	mu       sync.Mutex
	answers  []int
	requests []string
}

func newRelay(t *testing.T, answers ...int) *relayFake {
	t.Helper()
	r := &relayFake{answers: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests = append(r.requests, req.RequestURI+" "+string(body))
		status := http.StatusOK
		if len(r.answers) > 0 {
			status, r.answers = r.answers[0], r.answers[1:]
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func sentSMS(t *testing.T, server *vendortest.Twilio, change func(url.Values)) vendortest.SMS {
	t.Helper()
	form := goodForm()
	if change != nil {
		change(form)
	}
	require.Equal(t, http.StatusCreated, postForm(t, server, form).StatusCode)
	all := server.Messages()
	return all[len(all)-1]
}

func TestAReportIsPostedUntilItIsTaken(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	report := server.Reports(sentSMS(t, server, nil), "delivered")[0]
	target := newRelay(t, 503, 500)
	status, err := report.Post(t.Context(), target.URL)
	require.NoError(t, err)
	require.Equal(t, 503, status)
	require.NoError(t, report.Deliver(t.Context(), 6, func() string { return target.URL }))
	require.Len(t, target.requests, 3)
	require.Equal(t, target.requests[0], target.requests[2])
	require.True(t, strings.HasPrefix(target.requests[0], "/webhooks/twilio/status?m=dl_1 AccountSid="), target.requests[0])
	require.Contains(t, target.requests[0], "MessageStatus=delivered")

	require.ErrorContains(t, report.Deliver(t.Context(), 1, func() string { return newRelay(t, 403).URL }), "answered 403")
	require.ErrorContains(t, report.Deliver(t.Context(), 1, func() string { return "http://127.0.0.1:1" }), "post a report")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, report.Deliver(ctx, 2, func() string { return target.URL }), context.Canceled)
}

func TestDisorderLosesNoneAndRepeatsSome(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	reports := server.Reports(sentSMS(t, server, nil), "queued", "sending", "sent", "delivered", "read")
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same order each time
	repeats, changes := 0, 0
	for range 50 {
		got := vendortest.Disorder(random, reports)
		for _, r := range reports {
			require.True(t, slices.ContainsFunc(got, func(g vendortest.Report) bool { return string(g.Body) == string(r.Body) }))
		}
		if len(got) > len(reports) {
			repeats++
		}
		if string(got[0].Body) != string(reports[0].Body) {
			changes++
		}
	}
	require.Positive(t, repeats)
	require.Positive(t, changes)
}

func TestWithoutACallbackThereIsNoReport(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	silent := sentSMS(t, server, func(f url.Values) { f.Del("StatusCallback") })
	require.Empty(t, server.Reports(silent, "sent", "delivered"))
	require.Equal(t, "delivered", server.Messages()[0].Status, "it was delivered all the same")
	byService := sentSMS(t, server, func(f url.Values) { f.Del("From"); f.Set("MessagingServiceSid", vendortest.TwilioServiceSID) })
	require.Equal(t, "accepted", byService.Status)
	require.Contains(t, string(server.Reports(byService, "undelivered 30005")[0].Body), "ErrorCode=30005&From=%2B15005550006")
	require.Equal(t, 30005, server.Messages()[1].ErrorCode)
}

func TestTheListShowsTheNewestFirstPageByPage(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	for n := range 5 {
		sentSMS(t, server, func(f url.Values) { f.Set("Body", strconv.Itoa(n)) })
	}
	sentSMS(t, server, func(f url.Values) {
		f.Set("To", "+14155550199")
		f.Set("Body", "„other“")
		f.Set("SmartEncoded", "true")
	})
	type page struct {
		Messages []struct{ Body, To, Status string }
		Next     *string `json:"next_page_uri"`
		Previous *string `json:"previous_page_uri"`
		End      int
	}
	read := func(uri string) (got page) {
		res := getAs(t, server.URL+uri, vendortest.TwilioAccountSID, vendortest.TwilioAuthToken)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NoError(t, json.Unmarshal(res.Body, &got))
		return got
	}
	const path = "/2010-04-01/Accounts/" + vendortest.TwilioAccountSID + "/Messages.json"
	first := read(path + "?To=%2B14155550123&PageSize=3")
	require.Equal(t, []string{"4", "3", "2"}, []string{first.Messages[0].Body, first.Messages[1].Body, first.Messages[2].Body})
	require.Nil(t, first.Previous)
	second := read(*first.Next)
	require.Len(t, second.Messages, 2)
	require.Nil(t, second.Next)
	require.NotNil(t, second.Previous)
	require.Equal(t, 4, second.End)
	require.Empty(t, read(path+"?To=%2B14155550100").Messages)
	require.Equal(t, `"other"`, read(path).Messages[0].Body, "as SmartEncoded leaves it")
	require.Empty(t, server.Faults())

	require.Equal(t, http.StatusBadRequest,
		getAs(t, server.URL+path+"?PageSize=0", vendortest.TwilioAccountSID, vendortest.TwilioAuthToken).StatusCode)
	require.Equal(t, http.StatusUnauthorized, getAs(t, server.URL+path, "nobody", "x").StatusCode)
	read(path + "?DateSent=2026-03-02")
	require.Len(t, server.Faults(), 1)
}

func getAs(t *testing.T, address, user, password string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	req.SetBasicAuth(user, password)
	return do(t, req)
}

func TestTheActivityIsSearchedByOurArgument(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	require.Equal(t, http.StatusAccepted, postMail(t, server, goodMail).StatusCode)
	mail := server.Mails()[0]
	ask := func(query, key string) answer {
		address := server.URL + "/v3/messages?limit=10&query=" + url.QueryEscape(query)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		return do(t, req)
	}
	const ours = `(unique_args['beckon_delivery']="dl_1")`
	status := func() string {
		var got struct {
			Messages []struct{ Status, To_email, Msg_id string } //nolint:revive // the vendor's names
		}
		require.NoError(t, json.Unmarshal(ask(ours, vendortest.SendGridAPIKey).Body, &got))
		require.Len(t, got.Messages, 1)
		require.True(t, strings.HasPrefix(got.Messages[0].Msg_id, mail.MessageID+"."))
		return got.Messages[0].Status
	}
	require.Equal(t, "processed", status())
	server.Event(mail, "delivered", nil)
	require.Equal(t, "delivered", status())
	server.Event(mail, "bounce", nil)
	require.Equal(t, "not_delivered", status())
	require.JSONEq(t, `{"messages":[]}`, string(ask(`(unique_args['beckon_delivery']="dl_2")`, vendortest.SendGridAPIKey).Body))
	require.Equal(t, http.StatusUnauthorized, ask(ours, "SG.other").StatusCode)
	require.Empty(t, server.Faults())
	require.Equal(t, http.StatusBadRequest, ask(`to_email="ann@example.org"`, vendortest.SendGridAPIKey).StatusCode)
	require.Len(t, server.Faults(), 1)
	require.Equal(t, http.StatusMethodNotAllowed, do(t, request(t, server.URL+"/v3/messages", "{}")).StatusCode)
}

func TestABatchIsAnArrayThatIsSigned(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	postMail(t, server, goodMail)
	mail := server.Mails()[0]
	report := server.Batch(t, server.Event(mail, "processed", nil), server.Event(mail, "open", vendortest.Event{"ip": "192.0.2.1"}))
	require.Equal(t, "/webhooks/sendgrid/events", report.URI)
	require.NotEmpty(t, report.Header.Get("X-Twilio-Email-Event-Webhook-Signature"))
	var events []map[string]any
	require.NoError(t, json.Unmarshal(report.Body, &events))
	require.Equal(t, "dl_1", events[0]["beckon_delivery"])
	require.Equal(t, "192.0.2.1", events[1]["ip"])
	require.NotEqual(t, events[0]["sg_event_id"], events[1]["sg_event_id"])
	require.NotEmpty(t, server.PublicKey(t))
}

func TestAPolicyDecidesWhereNoScriptDoes(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	var asked []int
	server.Policy(func(n int, r *http.Request) vendortest.Answer {
		asked = append(asked, n)
		if r.Method == http.MethodPost && n == 3 {
			return vendortest.Answer{Status: 429}
		}
		return vendortest.Answer{}
	})
	server.Next(vendortest.Answer{Status: 503})
	statuses := make([]int, 0, 4)
	for range 4 {
		statuses = append(statuses, postForm(t, server, goodForm()).StatusCode)
	}
	require.Equal(t, []int{503, 201, 429, 201}, statuses)
	require.Equal(t, []int{2, 3, 4}, asked)
	server.Policy(nil)
	require.Equal(t, 201, postForm(t, server, goodForm()).StatusCode)
}

func TestAConnectionBreaksBeforeOrAfterTheMessageIsTaken(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	send := func() error {
		req := request(t, server.URL+"/2010-04-01/Accounts/"+vendortest.TwilioAccountSID+"/Messages.json", goodForm().Encode())
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(vendortest.TwilioAccountSID, vendortest.TwilioAuthToken)
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	server.Next(vendortest.Answer{Drop: true, Delay: time.Millisecond}, vendortest.Answer{Reset: true})
	require.Error(t, send())
	require.Empty(t, server.Messages())
	require.Error(t, send())
	require.Len(t, server.Messages(), 1)
}

func TestEveryFaultOfTheNetworkIsNoAnswer(t *testing.T) {
	t.Parallel()
	for _, fault := range vendortest.NetworkFaults(t) {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, fault.URL, strings.NewReader("hello"))
			require.NoError(t, err)
			res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
			if err == nil {
				_ = res.Body.Close()
			}
			require.Error(t, err)
		})
	}
}
