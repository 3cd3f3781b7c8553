"""The gateway: the three services as people use them. It holds no model and no torch."""

from functools import partial

from fastapi import FastAPI

from gateway_service.access.middleware import access_middleware, describe_access
from gateway_service.gateway import Gateway, close_gateway, open_gateway
from gateway_service.jobs import routes as job_routes
from gateway_service.jobs.metrics import JobNumbers
from gateway_service.page import routes as page
from gateway_service.service_errors import SERVICE_SECONDS
from gateway_service.settings import settings
from gateway_service.speech import captioned_routes, legacy_routes, verify_routes
from gateway_service.speech import routes as speech_routes
from gateway_service.voices import routes as voice_routes
from shared.http.app import create_app

app: FastAPI = create_app(
    service="gateway",
    summary="Clones voices and speaks: a web page, an OpenAI-compatible speech API, jobs.",
    settings=settings,
    load=partial(open_gateway, settings),
    unload=close_gateway,
    check_ready=Gateway.check_ready,
    concurrency=settings.concurrency,
    caller_share=settings.caller_share,
    middleware=access_middleware(settings),
    collectors=[
        SERVICE_SECONDS,
        JobNumbers(lambda: app.state.model.storage if app.state.ready else None),
    ],
)
describe_access(app, settings)
app.include_router(page.router)
app.include_router(speech_routes.router)
app.include_router(captioned_routes.router)
app.include_router(verify_routes.router)
app.include_router(voice_routes.router)
app.include_router(job_routes.router)
app.include_router(legacy_routes.router)
