package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Twilio signs with
	"encoding/base64"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
)

const simpleToken = "12345"

// sign signs a form as Twilio's documents describe it, with simpleToken; each first value counts.
func sign(address, body string) string {
	mac := hmac.New(sha1.New, []byte(simpleToken))
	_, _ = mac.Write([]byte(address))
	form, _ := url.ParseQuery(body)
	for _, name := range slices.Sorted(maps.Keys(form)) {
		_, _ = mac.Write([]byte(name + form[name][0]))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// report is one line of testdata/statuses.yaml.
type report struct {
	Status   string
	Code     int
	State    relay.DeliveryState
	Reason   relay.Reason
	Suppress bool
}

func TestEveryStatusMeansWhatTheListSays(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/statuses.yaml")
	require.NoError(t, err)
	var reports []report
	require.NoError(t, yaml.Unmarshal(raw, &reports))
	server := vendortest.NewTwilio(t)
	m := taken(t, server)
	c := newCallbacks(t, publicURL, vendortest.TwilioAuthToken)
	met := map[string]bool{}
	for _, want := range reports {
		met[want.Status] = true
		status := want.Status
		if want.Code != 0 {
			status += " " + strconv.Itoa(want.Code)
		}
		got, err := c.Status(callback(server.Reports(m, status)[0]))
		require.NoError(t, err, status)
		require.Len(t, got, 1, status)
		requireSound(t, got[0])
		require.Equal(t, "dl_1", got[0].DeliveryID)
		require.Equal(t, m.SID, got[0].ProviderID)
		require.Equal(t, m.SID+"/"+want.Status, got[0].Key)
		require.Equal(t, want.State, got[0].State, status)
		require.Equal(t, want.Reason, got[0].Reason, status)
		if !want.Suppress {
			require.Empty(t, got[0].Suppress, status)
			continue
		}
		require.Equal(t, relay.NewAddress(relay.ChannelSMS, "+14155550123"), got[0].Address, status)
		require.Equal(t, want.Reason, got[0].Suppress, status)
		require.Equal(t, relay.SuppressedByProvider, got[0].Source)
	}
	for status := range statuses {
		require.True(t, met[status], "status %s is missing in testdata/statuses.yaml", status)
	}
}

func TestEveryCodeOfACallbackSuppressesTheNumberIfTheTableBlamesIt(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	m := taken(t, server)
	c := newCallbacks(t, publicURL, vendortest.TwilioAuthToken)
	for code, v := range codes {
		got, err := c.Status(callback(server.Reports(m, "failed "+strconv.Itoa(code))[0]))
		require.NoError(t, err)
		requireSound(t, got[0])
		require.Equal(t, v.Reason, got[0].Reason)
		require.Equal(t, v.Blame == relay.BlameRecipient, got[0].Suppress != "", code)
		require.Equal(t, strconv.Itoa(code), got[0].Code)
		require.Contains(t, got[0].Detail, v.Words)
	}
}

func TestAWordThatTwilioAddsStillComesOfAMessageThatItHas(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	m := taken(t, server)
	got, err := newCallbacks(t, publicURL, vendortest.TwilioAuthToken).Status(callback(server.Reports(m, "teleported")[0]))
	require.NoError(t, err)
	require.Equal(t, relay.Receipt{
		Provider: Name, Key: m.SID + "/teleported", DeliveryID: "dl_1", ProviderID: m.SID, State: relay.DeliverySent,
		Status: "other", At: noon,
	}, got[0])
}

func TestANumberOnAnotherChannelIsNotSuppressed(t *testing.T) {
	t.Parallel()
	c := newCallbacks(t, publicURL, simpleToken)
	for to, suppressed := range map[string]bool{
		"+14155550123": true, "whatsapp:+14155550123": false, "14155550123": false, "12345": false, "": false, "+1": false,
	} {
		body := url.Values{
			"MessageSid": {"SM1"}, "MessageStatus": {"undelivered"}, "ErrorCode": {"30005"}, "To": {to},
		}.Encode()
		b := Callback{URI: StatusPath + "?m=dl_1", Signature: sign(publicURL+StatusPath+"?m=dl_1", body), Body: []byte(body)}
		got, err := c.Status(b)
		require.NoError(t, err)
		requireSound(t, got[0])
		require.Equal(t, suppressed, got[0].Suppress != "", to)
	}
}

func TestACallbackWithoutAMessageIsUnreadable(t *testing.T) {
	t.Parallel()
	c := newCallbacks(t, publicURL, simpleToken)
	for _, body := range []string{"", "MessageSid=SM1", "MessageStatus=sent", "MessageSid=a+b&MessageStatus=sent", `{"a":1}`} {
		b := Callback{URI: StatusPath, Signature: sign(publicURL+StatusPath, body), Body: []byte(body)}
		_, err := c.Status(b)
		require.ErrorIs(t, err, channel.ErrUnreadable, body)
	}
	_, err := c.Inbound(Callback{URI: InboundPath, Signature: sign(publicURL+InboundPath, "Body=STOP"), Body: []byte("Body=STOP")})
	require.ErrorIs(t, err, channel.ErrUnreadable)
}

// answered is one line of testdata/inbound.yaml.
type answered struct {
	From, Body string
	OptOut     string `yaml:"opt_out"`
	Want       string
	// Answer: it is ours to answer.
	Answer bool
}

func TestEveryAnswerOfAPersonMeansWhatTheListSays(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/inbound.yaml")
	require.NoError(t, err)
	var list []answered
	require.NoError(t, yaml.Unmarshal(raw, &list))
	server := vendortest.NewTwilio(t)
	c := newCallbacks(t, publicURL, vendortest.TwilioAuthToken)
	for _, a := range list {
		if a.From == "" {
			a.From = "+14155550123"
		}
		in, err := c.Inbound(callback(server.Inbound(publicURL, a.From, a.Body, a.OptOut)))
		require.NoError(t, err)
		require.Equal(t, a.Answer, in.Help, "%+v", a)
		got := in.Receipts
		if a.Want == "" {
			require.Empty(t, got, "%+v", a)
			continue
		}
		require.Len(t, got, 1, "%+v", a)
		requireSound(t, got[0])
		require.Equal(t, a.Want, got[0].Status)
		require.Equal(t, a.From, in.From.Reveal())
		if a.Want == "help" {
			require.Empty(t, got[0].Address)
			continue
		}
		require.Equal(t, relay.NewAddress(relay.ChannelSMS, a.From), got[0].Address)
		require.Equal(t, relay.SuppressedByReply, got[0].Source)
		require.Empty(t, got[0].State, "it says nothing of a delivery")
		wish := map[string]relay.Reason{"stop": got[0].Suppress, "start": got[0].Lift}
		require.Equal(t, relay.ReasonOptedOut, wish[a.Want])
	}
}
