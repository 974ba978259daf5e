package cometchat

import (
	"embed"

	"github.com/beckon-relay/beckon/internal/relay"
)

// samples are webhooks written for Beckon, in the documented shapes. They tell of one Monday in March in the Hiking Group
// of CometChat's sample app; all calls and the recording share one session, so that they fit together in a test.
//
//go:embed samples/*.json
var samples embed.FS

// Sample gives a webhook of that trigger, as CometChat would send it. There is one for every trigger of the Catalogue.
func Sample(trigger relay.Trigger) ([]byte, bool) {
	body, err := samples.ReadFile("samples/" + string(trigger) + ".json")
	return body, err == nil
}
