package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// maxStrangers is how many doubtful mutes of a file of recipients are told.
const maxStrangers = 20

// mutedStrangers warns of rules that people of the files mute and that are not there: what was meant by a name that is misspelt
// goes out.
func mutedStrangers(people directory.Chain, generation *engine.Generation) []rules.Finding {
	if generation == nil {
		return nil
	}
	var findings []rules.Finding
	for _, source := range people {
		file, ok := source.(*directory.File)
		if !ok {
			continue
		}
		everybody := maps.Collect(file.All())
		for _, uid := range slices.Sorted(maps.Keys(everybody)) {
			for _, message := range unknownRules(everybody[uid].Mutes, generation) {
				findings = append(findings, rules.Finding{
					File: file.Name(), Line: 1, Column: 1, Severity: rules.SeverityWarning, Message: uid + ": " + message,
				})
			}
		}
	}
	return findings[:min(len(findings), maxStrangers)]
}

// unknownRules says of each rule that the mutes name and that is not there that it is not.
func unknownRules(mutes []relay.Mute, generation *engine.Generation) []string {
	names := ruleNames(generation)
	var unknown, said []string
	for _, m := range mutes {
		for _, rule := range m.Rules {
			if !slices.Contains(names, rule) && !slices.Contains(unknown, rule) {
				unknown = append(unknown, rule)
				said = append(said, fmt.Sprintf("no rule is named %q, so muting it mutes nothing; the rules are %s", rule, strings.Join(names, ", ")))
			}
		}
	}
	return said
}

func ruleNames(generation *engine.Generation) []string {
	var names []string
	for _, rule := range generation.Rules.Rules() {
		names = append(names, rule.Name)
	}
	return names
}
