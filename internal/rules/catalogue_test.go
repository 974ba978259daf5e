package rules_test

import (
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

// catalogue is the real one, so that a field that a shorthand needs and a trigger has lost shows here.
func catalogue() relay.Catalogue { return cometchat.Catalogue() }
