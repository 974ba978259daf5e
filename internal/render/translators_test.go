package render

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachLocaleIsListedByItsOwnName(t *testing.T) {
	t.Parallel()
	for _, l := range translators() {
		require.Equal(t, l.locale, l.open().Locale())
	}
}
