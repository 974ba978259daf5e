package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/view"
)

// Bulk retries and cancels by hand, one or many. Both methods refuse with a *Refusal what makes no sense.
type Bulk interface {
	// Count says what an order would be for.
	Count(ctx context.Context, order view.BulkOrder) (view.BulkCount, error)
	// Bulk does it. Where ctx ends before all is done, what was done stays. progress may be called often.
	Bulk(ctx context.Context, order view.BulkOrder, progress func(done, of int)) (view.BulkResult, error)
}

// BulkRequest is the body of an order. What is done to what stands in the address; where the body says it, too, it must be the same.
type BulkRequest struct {
	view.BulkOrder

	// DryRun only counts: the answer is a view.BulkCount.
	DryRun bool `json:"dry_run,omitempty"`
}

// BulkLine is a line of the answer to an order that is done: progress until the last, which has one of the others.
type BulkLine struct {
	Progress *ProgressView    `json:"progress,omitempty"`
	Result   *view.BulkResult `json:"result,omitempty"`
	Error    *BulkError       `json:"error,omitempty"`
}

// BulkError says what stopped an order after it had begun. What was done stays.
type BulkError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// maxBulk is the largest body of an order, in bytes: ten thousand IDs.
const maxBulk = 1 << 20

func (a *admin) registerBulk(e *echo.Echo) {
	e.POST("/console/api/deliveries/retry", a.bulk(view.BulkRetry, "deliveries"), a.action)
	e.POST("/console/api/deliveries/cancel", a.bulk(view.BulkCancel, "deliveries"), a.action)
	e.POST("/console/api/alerts/cancel", a.bulk(view.BulkCancel, "alerts"), a.action)
}

func (a *admin) bulk(action view.BulkAction, of string) echo.HandlerFunc {
	return func(c echo.Context) error {
		var request BulkRequest
		if err := readOrder(c, maxBulk, &request, `{"query":{"state":"dead"},"dry_run":true}`); err != nil {
			return err
		}
		order := request.BulkOrder
		if order.Action != "" && order.Action != action || order.Of != "" && order.Of != of {
			return &Refusal{
				Status: http.StatusBadRequest, Code: "bad_order", Message: "the body asks for something else than the address",
			}
		}
		order.Action, order.Of, order.By = action, of, operatorOf(c)
		if order.MadeBefore.IsZero() {
			order.MadeBefore = time.Now()
		}
		if request.DryRun {
			count, err := a.Bulk.Count(c.Request().Context(), order)
			if err != nil {
				return a.unable(c, err)
			}
			return c.JSON(http.StatusOK, count)
		}
		return a.doBulk(c, order)
	}
}

func (a *admin) doBulk(c echo.Context, order view.BulkOrder) error {
	begun, last := false, time.Time{}
	write := func(line BulkLine) {
		if !begun {
			begun = true
			_ = endless(c) // where that cannot be, the answer is cut
			c.Response().Header().Set(echo.HeaderContentType, "application/x-ndjson")
			c.Response().WriteHeader(http.StatusOK)
		}
		_ = json.NewEncoder(c.Response()).Encode(line) // a client that is gone is no error
		c.Response().Flush()
	}
	result, err := a.Bulk.Bulk(c.Request().Context(), order, func(done, of int) {
		if now := time.Now(); now.Sub(last) >= progressEvery {
			last = now
			write(BulkLine{Progress: &ProgressView{What: order.Of, Done: done, Of: of}})
		}
	})
	if result.Done > 0 {
		a.Logger.WarnContext(c.Request().Context(), "done by hand", "action", order.Action, "of", order.Of, "done", result.Done,
			"by", order.By)
	}
	if err == nil {
		write(BulkLine{Result: &result})
		return nil
	}
	if err = a.unable(c, err); !begun {
		return err
	}
	refusal := refusalFrom(err)
	write(BulkLine{Error: &BulkError{refusal.Code, refusal.Message}})
	return nil
}
