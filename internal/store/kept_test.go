package store_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store"
)

func TestThePrivacyPageSaysWhatIsKeptAndForHowLong(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/privacy.md")
	require.NoError(t, err)
	var want strings.Builder
	want.WriteString("| table | what | kept for |\n| --- | --- | --- |\n")
	for _, k := range store.Everything() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", k.Table, k.What, k.For)
	}
	require.Contains(t, string(page), want.String()+"\n")
}
