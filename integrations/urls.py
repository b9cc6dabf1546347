from django.urls import path

from integrations import conflict_views, link_views, mapping_views, traffic_views, views
from integrations.jira import request_views
from integrations.jira import views as jira
from integrations.productboard import views as productboard
from integrations.slack import channel_views, manifest
from integrations.slack import views as slack

app_name = "integrations"
urlpatterns = [
    path("integrations/", views.index, name="index"),
    path("integrations/links/", link_views.links, name="links"),
    path("integrations/links/conflicts/", conflict_views.conflicts, name="conflicts"),
    path("integrations/links/conflicts/<int:pk>/", conflict_views.settle, name="conflict-settle"),
    path("integrations/unmapped/", mapping_views.unplaced, name="unmapped"),
    path("integrations/mapping/", mapping_views.mapping, name="mapping"),
    path("integrations/out/", traffic_views.delivery_list, name="deliveries"),
    path("integrations/out/<int:pk>/retry/", traffic_views.delivery_retry, name="delivery-retry"),
    path("integrations/out/<int:pk>/skip/", traffic_views.delivery_skip, name="delivery-skip"),
    path("integrations/in/", traffic_views.message_list, name="messages"),
    path("integrations/in/<int:pk>/replay/", traffic_views.message_replay, name="message-replay"),
    path("integrations/runs/", views.run_list, name="runs"),
    path("integrations/runs/<int:pk>/", views.run, name="run"),
    path("integrations/errors/<int:pk>/retry/", views.error_retry, name="error-retry"),
    path("integrations/<slug:source>/test/", views.test_connection, name="test-connection"),
    path("integrations/slack/channels/", channel_views.channels, name="slack-channels"),
    path("integrations/slack/channels/<int:pk>/", channel_views.channel, name="slack-channel"),
    path("integrations/slack/manifest/", manifest.page, name="slack-manifest"),
    path("integrations/<slug:source>/sync/", views.sync_now, name="sync-now"),
    path("requests/<int:number>/jira/", request_views.create, name="request-issue"),
    path("requests/<int:number>/jira/link/", request_views.link, name="request-link"),
    path(
        "requests/<int:number>/jira/<int:pk>/unlink/", request_views.unlink, name="request-unlink"
    ),
    path("requests/<int:number>/productboard/", productboard.request_note, name="request-note"),
    path(
        "requests/<int:number>/productboard/feature/",
        productboard.request_feature,
        name="request-feature",
    ),
    path(
        "requests/<int:number>/productboard/<int:pk>/unlink/",
        productboard.request_feature_unlink,
        name="request-feature-unlink",
    ),
    path("hooks/jira/", jira.webhook, name="jira-webhook"),
    path("hooks/productboard/", productboard.webhook, name="productboard-webhook"),
    path("slack/commands", slack.commands, name="slack-commands"),
    path("slack/interactivity", slack.interactivity, name="slack-interactivity"),
    path("slack/events", slack.events, name="slack-events"),
]
