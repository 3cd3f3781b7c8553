"""/v1/audio/voices, as in OpenAI's API, with a verdict on each sample."""

from functools import partial

from fastapi import APIRouter

from gateway_service.gateway import GatewayState
from gateway_service.storage.database import in_storage_thread
from gateway_service.string_limits import VoicePath
from gateway_service.voices import form as voice_form
from gateway_service.voices.cloning import check_samples, clone
from gateway_service.voices.export import VoiceFile, import_voice, voice_file
from gateway_service.voices.form import NewVoice, Samples
from gateway_service.voices.schemas import (
    VoiceChanges,
    VoiceCheck,
    VoiceDeleted,
    VoiceDetails,
    VoiceList,
    details_of,
    summary_of,
)
from shared.http.app import Slot
from shared.http.json_routes import ArrayResponse, JsonRoute
from shared.http.openapi import QUEUED, errors

router = APIRouter(
    prefix="/v1/audio/voices", tags=["voices"], route_class=JsonRoute, responses=errors(503)
)


@router.post("", openapi_extra=voice_form.OPENAPI, responses=QUEUED | errors(502))
async def create_voice(form: NewVoice, gateway: GatewayState, slot: Slot) -> VoiceDetails:
    """Make a voice from recordings of a person who consents, or import the file of a voice.

    The recordings are not kept.
    """
    if isinstance(form, VoiceFile):
        return details_of(await in_storage_thread(import_voice, gateway.voices, form))
    return details_of(await slot.run(partial(clone, gateway.chain, gateway.voices, form)))


@router.post("/check", openapi_extra=voice_form.SAMPLES_OPENAPI, responses=QUEUED | errors(502))
async def check_voice(samples: Samples, gateway: GatewayState, slot: Slot) -> VoiceCheck:
    """Judge recordings before a voice is made of them. Nothing is kept, so no consent is needed."""
    return VoiceCheck(samples=await slot.run(partial(check_samples, gateway.chain, samples)))


@router.get("")
async def list_voices(gateway: GatewayState) -> VoiceList:
    """List the presets and the voices made here. Needs no key, so it returns names only."""
    voices = await in_storage_thread(gateway.voices.list)
    return VoiceList(voices=[summary_of(voice) for voice in voices])


@router.get("/{voice}")
async def retrieve_voice(voice: VoicePath, gateway: GatewayState) -> VoiceDetails:
    """Get a voice by its name or id."""
    return details_of(await in_storage_thread(gateway.voices.find, voice))


@router.get("/{voice}/file", response_model=VoiceFile)
async def export_voice(voice: VoicePath, gateway: GatewayState) -> ArrayResponse:
    """A voice as a file, by its name or id: POST /v1/audio/voices of another gateway takes it."""
    found = await in_storage_thread(gateway.voices.find, voice)
    disposition = f'attachment; filename="{found.id}.json"'
    return ArrayResponse(voice_file(found), headers={"Content-Disposition": disposition})


@router.patch("/{voice}", responses=errors(400))
async def rename_voice(
    voice: VoicePath, changes: VoiceChanges, gateway: GatewayState
) -> VoiceDetails:
    """Give a voice, found by its name or id, another name. Its id stays."""
    return details_of(await in_storage_thread(gateway.voices.rename, voice, changes.name))


@router.delete("/{voice}", responses=errors(400))
async def delete_voice(voice: VoicePath, gateway: GatewayState) -> VoiceDeleted:
    """Delete a voice by its name or id, with the verdicts on its samples and the consent."""
    removed = await in_storage_thread(gateway.voices.remove, voice)
    return VoiceDeleted(id=removed.id)
