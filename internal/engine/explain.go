package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// Account is what one rule makes of an event, in full.
type Account struct {
	Verdict

	// Parts are the conditions that the rule's `if` joins, each with what it saw; empty without `if`, and for a rule that is
	// disabled or for other triggers.
	Parts []rules.Part
	// Alerts are those that it makes; one without a recipient has its people named later.
	Alerts []relay.Alert
}

// Explain says what every rule makes of an event, also those that are disabled or for other triggers, in the order of the file.
// It is slow beside Plan, whose verdicts and alerts it gives.
func (g *Generation) Explain(event relay.Event) []Account {
	plan, verdicts := g.Plan(event)
	accounts := make([]Account, 0, len(g.Rules.Rules()))
	for _, rule := range g.Rules.Rules() {
		account := Account{Verdict: Verdict{Rule: rule.Name}}
		at := slices.IndexFunc(verdicts, func(v Verdict) bool { return v.Rule == rule.Name })
		switch {
		case at >= 0:
			account = g.account(rule, event, verdicts[at])
		case !rule.Enabled:
			account.Why = "the rule is disabled"
		default:
			account.Why = "it is for " + triggers(rule)
		}
		for _, a := range plan.Alerts {
			if a.Rule == rule.Name {
				account.Alerts = append(account.Alerts, a)
			}
		}
		accounts = append(accounts, account)
	}
	return accounts
}

func (g *Generation) account(rule *rules.Rule, event relay.Event, verdict Verdict) Account {
	account := Account{Verdict: verdict}
	if event.Noise != relay.ReasonNone {
		return account
	}
	account.Parts = rule.Explain(&event).Parts
	for _, p := range account.Parts {
		if !verdict.Matched && !p.Holds {
			account.Why = p.Text + " is false"
			if p.Err != nil {
				account.Why = fmt.Sprintf("%s failed: %v", p.Text, p.Err)
			}
			break
		}
	}
	return account
}

func triggers(rule *rules.Rule) string {
	names := make([]string, len(rule.Triggers))
	for i, t := range rule.Triggers {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}
