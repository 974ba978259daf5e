package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBuildNamesATemplateThatPrintsAValueInAWrongForm(t *testing.T) {
	t.Parallel()
	g, findings := build(t, oneRule, map[string]string{"note/sms.txt": `{{ printf "%d" .event.sender.name }}`})
	require.Nil(t, g)
	require.NotEmpty(t, findings)
	require.Contains(t, findings[0].Message, "%!")
	g, findings = build(t, oneRule, map[string]string{"note/sms.txt": `100%! {{ printf "%s" .event.sender.name }}`})
	require.NotNil(t, g, "%v", findings)
}
